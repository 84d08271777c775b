// A new signing key of the provider, before those that are there: node keys.mjs FOLDER NAME. For tests on loopback only.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const [folder, name] = process.argv.slice(2);
const file = path.join(folder, 'jwks.json');
const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).keys : [];
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
writeFileSync(file, JSON.stringify({ keys: [{ ...key, kid: name, use: 'sig', alg: 'ES256' }, ...kept] }), { mode: 0o600 });

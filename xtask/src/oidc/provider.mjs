// The certified OpenID provider of the npm package `oidc-provider`, with one public client and a few people. For tests on loopback only.
//
// node provider.mjs PORT FOLDER: keys are FOLDER/jwks.json; what it remembers is FOLDER/memory.json, so that it survives a kill.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [port, folder] = process.argv.slice(2);
const { Provider } = await import(createRequire(path.join(process.cwd(), 'package.json')).resolve('oidc-provider'));

// Each person in a tenant, and in groups.
const people = JSON.parse(readFileSync(path.join(folder, 'people.json'), 'utf8'));

const file = path.join(folder, 'memory.json');
const memory = new Map(load());

function load() {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}

function save() {
  writeFileSync(`${file}.new`, JSON.stringify([...memory]));
  renameSync(`${file}.new`, file);
}

// What oidc-provider wants of a store, by its own documentation (example/my_adapter.js).
class Adapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async find(id) {
    const found = memory.get(this.key(id));
    return found && (!found.until || found.until > Date.now()) ? found.payload : undefined;
  }

  async findBy(property, value) {
    const found = [...memory].find(([key, entry]) => key.startsWith(`${this.model}:`) && entry.payload[property] === value);
    return found?.[1].payload;
  }

  findByUid(uid) {
    return this.findBy('uid', uid);
  }

  findByUserCode(userCode) {
    return this.findBy('userCode', userCode);
  }

  async upsert(id, payload, expiresIn) {
    memory.set(this.key(id), { payload, until: expiresIn ? Date.now() + expiresIn * 1000 : undefined });
    save();
  }

  async consume(id) {
    memory.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000);
    save();
  }

  async destroy(id) {
    memory.delete(this.key(id));
    save();
  }

  async revokeByGrantId(grantId) {
    [...memory].filter(([, entry]) => entry.payload.grantId === grantId).forEach(([key]) => memory.delete(key));
    save();
  }
}

function claims(id) {
  return { sub: id, ...people[id] };
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Adapter,
  jwks: JSON.parse(readFileSync(path.join(folder, 'jwks.json'), 'utf8')),
  clients: [
    {
      client_id: 'urn:scalbotics:cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  claims: { openid: ['sub', 'tenant', 'groups', 'preferred_username'] },
  conformIdTokenClaims: false,
  findAccount: (_context, id) => (people[id] ? { accountId: id, claims: () => claims(id) } : undefined),
  extraTokenClaims: (_context, token) => (people[token.accountId] ? { ...people[token.accountId] } : undefined),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  cookies: { keys: ['for tests on loopback only'] },
  features: {
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (context) => context.oidc.params?.resource ?? [],
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, audience) => ({ scope: 'openid', audience, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
    },
  },
});

// Its keys are away while FOLDER/keys.down is there; all the rest goes on.
provider.use(async (context, next) => {
  if (context.path === '/jwks' && existsSync(path.join(folder, 'keys.down'))) context.throw(503);
  await next();
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));

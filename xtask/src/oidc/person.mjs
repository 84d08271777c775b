// A person at a browser: opens an address, logs in, agrees, and follows where the provider sends them. For tests on loopback only.
//
// node person.mjs NAME ADDRESS [deny|paste|code CODE]: `deny` cancels; `paste` prints the last address and does not open it; `code` enters a device code.
const [name, address, how, userCode] = process.argv.slice(2);

const cookies = new Map();
let [url, options] = [address, { method: 'GET' }];

function remember(response) {
  for (const line of response.headers.getSetCookie()) {
    const [pair] = line.split(';');
    const at = pair.indexOf('=');
    cookies.set(pair.slice(0, at), pair.slice(at + 1));
  }
}

function attribute(tag, attributeName) {
  return tag.match(new RegExp(`\\b${attributeName}="([^"]*)"`))?.[1].replaceAll('&amp;', '&');
}

// The one form of a page, filled in.
function filled(page, base) {
  const form = page.match(/<form[^>]*>/)?.[0];
  if (!form) return undefined;
  const fields = new URLSearchParams();
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const field = attribute(input, 'name');
    if (field) fields.set(field, attribute(input, 'value') ?? '');
  }
  if (fields.has('login')) fields.set('login', name);
  if (fields.has('password')) fields.set('password', 'any');
  if (fields.has('user_code') && userCode) fields.set('user_code', userCode);
  return [new URL(attribute(form, 'action') ?? base, base).href, fields];
}

let refused = false;
for (let step = 0; step < 30; step += 1) {
  const headers = { cookie: [...cookies].map((pair) => pair.join('=')).join('; '), ...options.headers };
  const response = await fetch(url, { ...options, headers, redirect: 'manual' });
  remember(response);
  const location = response.headers.get('location');
  if (location) {
    url = new URL(location, url).href;
    options = { method: 'GET' };
    if (new URL(url).pathname === '/callback' && how === 'paste') {
      console.log(url);
      process.exit(0);
    }
    continue;
  }
  const page = await response.text();
  if (new URL(url).pathname === '/callback') {
    console.log(page);
    process.exit(response.status === 200 ? 0 : 1);
  }
  const cancel = page.match(/href="([^"]*\/abort)"/)?.[1];
  if (how === 'deny' && cancel) {
    url = new URL(cancel, url).href;
    continue;
  }
  const next = filled(page, url);
  if (!next || refused) {
    console.log(page.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ').slice(-300));
    process.exit(response.status === 200 ? 0 : 1);
  }
  if (how === 'deny' && next[1].has('user_code')) {
    next[1].set('abort', 'yes');
    refused = true;
  }
  url = next[0];
  options = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: next[1].toString() };
}
console.error('the provider sends the person in circles');
process.exit(1);

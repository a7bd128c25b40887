// A server with openid-client whose answer comes as a form; `/sign-in` redirects, a click on "By script" asks for the address,
// one on "JSON" gets it in a 200 that has it as Location, too, as Auth.js and better-auth answer their own scripts.
// As `openid-client-host` it takes its redirect URI from the host that was asked, as the library's own example does.
import { createServer } from "node:http";
import * as openid from "openid-client";

const { PORT, ISSUER, REDIRECT_URI, LIBRARY } = process.env;
const path = LIBRARY === "openid-client-host" ? "/signin-oidc" : "/auth/callback";
const redirectUri = ({ headers }) => LIBRARY === "openid-client-host" ? `http://${headers.host}${path}` : REDIRECT_URI;
const provider = await openid.discovery(new URL(ISSUER), "server", "not-a-secret");
const sessions = new Map();

const page = (who) => `<!doctype html><link rel="icon" href="data:,">
<a id="sign-in" href="/sign-in">Sign in</a> <a id="sign-out" href="/sign-out">Sign out</a> <button id="by-script">By script</button> <button id="json">JSON</button> <p id="who">${who}</p><script>
document.getElementById("by-script").onclick = async () => location.assign(await (await fetch("/address")).text());
document.getElementById("json").onclick = async () => location.assign((await (await fetch("/json")).json()).url);
</script>`;

async function begin(request, response) {
  const [id, state, verifier] = Array.from({ length: 3 }, openid.randomState);
  sessions.set(id, { state, verifier });
  // What comes back is a form of another site: only such a cookie is sent with it
  response.setHeader("Set-Cookie", `session=${id}; Path=/; HttpOnly; Secure; SameSite=None`);
  return openid.buildAuthorizationUrl(provider, {
    redirect_uri: redirectUri(request),
    response_mode: "form_post",
    scope: "openid",
    state,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
}

function end({ headers }, response, session) {
  response.setHeader("Set-Cookie", "session=; Path=/; HttpOnly; Secure; SameSite=None; Max-Age=0");
  const uri = LIBRARY === "openid-client-host" ? `http://${headers.host}/` : REDIRECT_URI;
  return openid.buildEndSessionUrl(provider, { post_logout_redirect_uri: uri, id_token_hint: session.token }).href;
}

async function finish(request, session) {
  const body = Buffer.concat(await request.toArray());
  const headers = { "Content-Type": request.headers["content-type"] };
  const form = new Request(redirectUri(request), { method: request.method, headers, body });
  const checks = { expectedState: session.state, pkceCodeVerifier: session.verifier };
  const tokens = await openid.authorizationCodeGrant(provider, form, checks);
  Object.assign(session, { sub: tokens.claims().sub, token: tokens.id_token });
}

async function answer(request, response) {
  const session = sessions.get(/session=([\w-]+)/.exec(request.headers.cookie)?.[1]) ?? {};
  if (request.url === "/sign-in") return response.writeHead(302, { Location: await begin(request, response) }).end();
  if (request.url === "/sign-out") return response.writeHead(302, { Location: end(request, response, session) }).end();
  if (request.url === "/json") {
    const { href } = await begin(request, response);
    return response.writeHead(200, { Location: href, "Content-Type": "application/json" }).end(JSON.stringify({ url: href }));
  }
  if (request.url === "/address") return response.end((await begin(request, response)).href);
  const html = { "Content-Type": "text/html" };
  if (request.url !== path || request.method !== "POST") return response.writeHead(200, html).end(page(session.sub ?? "nobody"));
  await finish(request, session);
  return response.writeHead(303, { Location: "/" }).end();
}

const server = createServer((request, response) =>
  answer(request, response).catch(({ error, message }) => {
    response.writeHead(403, { "Content-Type": "text/html" }).end(`<link rel="icon" href="data:,"><p id="error">${error ?? message}</p>`);
  }),
);
server.listen(Number(PORT), "127.0.0.1");

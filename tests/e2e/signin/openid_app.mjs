// A server with openid-client whose answer comes as a form; `/sign-in` redirects, a click on "By script" asks for the address.
import { createServer } from "node:http";
import * as openid from "openid-client";

const { PORT, ISSUER, REDIRECT_URI } = process.env;
const provider = await openid.discovery(new URL(ISSUER), "server", "not-a-secret");
const sessions = new Map();

const page = (who) => `<!doctype html><link rel="icon" href="data:,">
<a id="sign-in" href="/sign-in">Sign in</a> <button id="by-script">By script</button> <p id="who">${who}</p><script>
document.getElementById("by-script").onclick = async () => location.assign(await (await fetch("/address")).text());
</script>`;

async function begin(response) {
  const [id, state, verifier] = Array.from({ length: 3 }, openid.randomState);
  sessions.set(id, { state, verifier });
  // What comes back is a form of another site: only such a cookie is sent with it
  response.setHeader("Set-Cookie", `session=${id}; Path=/; HttpOnly; Secure; SameSite=None`);
  return openid.buildAuthorizationUrl(provider, {
    redirect_uri: REDIRECT_URI,
    response_mode: "form_post",
    scope: "openid",
    state,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
}

async function finish(request, session) {
  const body = Buffer.concat(await request.toArray());
  const headers = { "Content-Type": request.headers["content-type"] };
  const form = new Request(REDIRECT_URI, { method: request.method, headers, body });
  const checks = { expectedState: session.state, pkceCodeVerifier: session.verifier };
  const tokens = await openid.authorizationCodeGrant(provider, form, checks);
  session.sub = tokens.claims().sub;
}

async function answer(request, response) {
  const session = sessions.get(/session=([\w-]+)/.exec(request.headers.cookie)?.[1]) ?? {};
  if (request.url === "/sign-in") return response.writeHead(302, { Location: await begin(response) }).end();
  if (request.url === "/address") return response.end((await begin(response)).href);
  if (request.url !== "/auth/callback") return response.setHeader("Content-Type", "text/html").end(page(session.sub ?? "nobody"));
  await finish(request, session);
  return response.writeHead(303, { Location: "/" }).end();
}

const server = createServer((request, response) =>
  answer(request, response).catch(({ error, message }) => {
    response.writeHead(403, { "Content-Type": "text/html" }).end(`<link rel="icon" href="data:,"><p id="error">${error ?? message}</p>`);
  }),
);
server.listen(Number(PORT), "127.0.0.1");

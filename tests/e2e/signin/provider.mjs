// An OpenID provider: asks on a page who signs in, each time but for `prompt=none`, and answers in every mode.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider from "oidc-provider";

const { PORT, CERTIFICATE, REDIRECT_URI } = process.env;
const page = `<!doctype html><title>Sign in</title><link rel="icon" href="data:,"><form>
<button name="as" value="alice">Alice</button><button name="as" value="bob">Bob</button><button name="as" value="">Nobody</button>
</form>`;
const refusal = { error: "access_denied", error_description: "<b>No</b> & never" };

const client = { redirect_uris: [REDIRECT_URI], response_types: ["code"], grant_types: ["authorization_code"] };
const provider = new Provider(`https://localhost:${PORT}`, {
  clients: [
    { ...client, client_id: "page", token_endpoint_auth_method: "none" },
    { ...client, client_id: "server", client_secret: "not-a-secret" },
  ],
  clientBasedCORS: () => true,
  cookies: { keys: ["not-a-secret"], long: { sameSite: "none", secure: true } }, // sent in hidden frames, too
  features: { devInteractions: { enabled: false } },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  loadExistingGrant: consent,
});

async function consent({ oidc }) {
  const { client, session } = oidc;
  const given = session.grantIdFor(client.clientId);
  if (given) return provider.Grant.find(given); // another one would end the codes of this one
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope("openid profile");
  await grant.save();
  return grant;
}

async function ask(request, response) {
  const as = new URL(request.url, "https://localhost").searchParams.get("as");
  if (as === null) response.setHeader("Content-Type", "text/html").end(page);
  else await provider.interactionFinished(request, response, as ? { login: { accountId: as } } : refusal);
}

// Without a session somebody else can sign in beside, in the same browser
function forget(request) {
  const cookies = request.headers.cookie?.split("; ").filter((cookie) => !cookie.startsWith("_session"));
  if (cookies && !request.url.includes("prompt=none")) request.headers.cookie = cookies.join("; ");
}

const pem = readFileSync(CERTIFICATE);
const respond = provider.callback();
const server = createServer({ key: pem, cert: pem }, (request, response) => {
  if (request.url.startsWith("/interaction/")) return ask(request, response);
  forget(request);
  return respond(request, response);
});
server.listen(Number(PORT), "127.0.0.1");

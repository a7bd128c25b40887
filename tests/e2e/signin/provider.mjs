// An OpenID provider: asks on a page who signs in, each time but for `prompt=none`, and answers in every mode.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider from "oidc-provider";

const { PORT, CERTIFICATE, REDIRECT_URI, PATHS } = process.env;
// Apps that take their redirect URI from the host that was asked have paths of their own
const redirectUris = [REDIRECT_URI, ...PATHS.split(" ").map((path) => new URL(path, REDIRECT_URI).href)];
const page = `<!doctype html><title>Sign in</title><link rel="icon" href="data:,"><form>
<button name="as" value="alice">Alice</button><button name="as" value="bob">Bob</button>
<button name="as" value="carol">Carol</button><button name="as" value="">Nobody</button>
</form>`;
const refusal = { error: "access_denied", error_description: "<b>No</b> & never" };

// Asks nobody whether to sign out, as it does not where nobody is signed in
const signOut = `<button name="logout" value="yes" form="op.logoutForm">Sign out</button>
<script>document.querySelector("button").click()</script>`;

// Where libraries look that do not ask the provider: MSAL Python wants an authority with a path, the others are Auth0's
const PLACES = { "/tenant/": "/", "/authorize": "/auth", "/oauth/token": "/token" };

// keycloak-js reads the access token: only its client gets one to read
const readable = {
  enabled: true,
  defaultResource: (_, { clientId }) => (clientId === "keycloak" ? "urn:readable" : undefined),
  getResourceServerInfo: () => ({ scope: "", accessTokenFormat: "jwt" }),
  useGrantedResource: () => true,
};

const postLogoutUris = [REDIRECT_URI, new URL("/", REDIRECT_URI).href];
const client = { redirect_uris: redirectUris, post_logout_redirect_uris: postLogoutUris, response_types: ["code"], grant_types: ["authorization_code"] };
const provider = new Provider(`https://localhost:${PORT}`, {
  clients: [
    { ...client, client_id: "page", token_endpoint_auth_method: "none" },
    { ...client, client_id: "keycloak", token_endpoint_auth_method: "none" },
    { ...client, client_id: "server", client_secret: "not-a-secret" },
    { ...client, client_id: "server-post", client_secret: "not-a-secret", token_endpoint_auth_method: "client_secret_post" },
  ],
  clientBasedCORS: () => true,
  cookies: { keys: ["not-a-secret"], long: { sameSite: "none", secure: true } }, // sent in hidden frames, too
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: readable,
    rpInitiatedLogout: { logoutSource: (context, form) => Object.assign(context, { body: form + signOut }) },
  },
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
  const remembers = request.url.includes("prompt=none") || request.url.startsWith("/session/end");
  if (cookies && !remembers) request.headers.cookie = cookies.join("; ");
}

// As Keycloak does: its client sends cookies along
provider.use(async (context, next) => {
  await next();
  context.set("Access-Control-Allow-Credentials", "true");
});

const pem = readFileSync(CERTIFICATE);
const respond = provider.callback();
const server = createServer({ key: pem, cert: pem }, (request, response) => {
  for (const [path, ours] of Object.entries(PLACES)) if (request.url.startsWith(path)) request.url = request.url.replace(path, ours);
  if (request.url.startsWith("/interaction/")) return ask(request, response);
  forget(request);
  return respond(request, response);
});
server.listen(Number(PORT), "127.0.0.1");

// MSAL.js 5; its redirect bridge stands on the callback's page. With `?named` the app names its worktree in the state.
import { PublicClientApplication } from "@azure/msal-browser";
import { broadcastResponseToMainFrame } from "@azure/msal-browser/redirect-bridge";

const { ISSUER, OAUTH_REDIRECT_URI, OAUTH_STATE } = import.meta.env;
const shown = (id, text) => { document.getElementById(id).textContent = text; };
const fail = (error) => shown("error", error);

async function start() {
  const app = new PublicClientApplication({
    auth: { clientId: "page", authority: ISSUER, knownAuthorities: [new URL(ISSUER).host], redirectUri: OAUTH_REDIRECT_URI },
    system: { protocolMode: "OIDC" },
  });
  const request = { scopes: ["openid"], ...(location.search === "?named" && { state: OAUTH_STATE }) };
  const show = (result) => shown("who", (result?.account ?? app.getAllAccounts()[0])?.idTokenClaims.sub ?? "nobody");
  const on = (id, action) => { document.getElementById(id).onclick = () => action().then(show, fail); };
  await app.initialize();
  on("sign-in", () => app.loginRedirect(request));
  on("popup", () => app.loginPopup(request));
  on("silent", () => app.ssoSilent(request));
  await app.handleRedirectPromise().then(show, fail);
}

await (location.pathname === "/auth/callback" ? broadcastResponseToMainFrame() : start());

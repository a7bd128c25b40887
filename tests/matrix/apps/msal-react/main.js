// @azure/msal-react; MSAL's redirect bridge stands on the callback's page.
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { PublicClientApplication } from "@azure/msal-browser";
import { broadcastResponseToMainFrame } from "@azure/msal-browser/redirect-bridge";
import { MsalProvider, useMsal } from "@azure/msal-react";

const { ISSUER, OAUTH_REDIRECT_URI } = import.meta.env;
const app = new PublicClientApplication({
  auth: {
    clientId: "page",
    authority: ISSUER,
    knownAuthorities: [new URL(ISSUER).host],
    redirectUri: OAUTH_REDIRECT_URI,
    postLogoutRedirectUri: OAUTH_REDIRECT_URI,
  },
  system: { protocolMode: "OIDC" },
});

function Page() {
  const { instance, accounts, inProgress } = useMsal();
  if (inProgress !== "none") return null;
  const [account] = accounts;
  const signOut = () => instance.logoutRedirect({ account, idTokenHint: account.idToken });
  return [
    createElement("button", { key: "in", id: "sign-in", onClick: () => instance.loginRedirect({ scopes: ["openid"] }) }, "Sign in"),
    createElement("button", { key: "out", id: "sign-out", onClick: signOut }, "Sign out"),
    createElement("p", { key: "who", id: "who" }, account?.idTokenClaims.sub ?? "nobody"),
  ];
}

if (location.pathname === "/auth/callback") await broadcastResponseToMainFrame();
else createRoot(document.getElementById("app")).render(createElement(MsalProvider, { instance: app }, createElement(Page)));

// react-oidc-context. With `?named` the app names its worktree in the state.
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { AuthProvider, useAuth } from "react-oidc-context";

const { ISSUER, OAUTH_REDIRECT_URI, OAUTH_STATE } = import.meta.env;
const request = location.search === "?named" ? { url_state: OAUTH_STATE } : {};

function Page() {
  const { isLoading, error, user, signinRedirect } = useAuth();
  if (isLoading) return null;
  return [
    createElement("button", { key: "button", id: "sign-in", onClick: () => signinRedirect(request) }, "Sign in"),
    createElement("p", { key: "who", id: "who" }, user?.profile.sub ?? "nobody"),
    createElement("p", { key: "error", id: "error" }, error?.message),
  ];
}

const onSigninCallback = () => history.replaceState({}, "", "/");
const settings = { authority: ISSUER, client_id: "page", redirect_uri: OAUTH_REDIRECT_URI, onSigninCallback };
createRoot(document.getElementById("app")).render(createElement(AuthProvider, settings, createElement(Page)));

// oidc-client-ts. With `?named` the app names its worktree in the state.
import { UserManager } from "oidc-client-ts";

const { ISSUER, OAUTH_REDIRECT_URI, OAUTH_STATE } = import.meta.env;
const users = new UserManager({ authority: ISSUER, client_id: "page", redirect_uri: OAUTH_REDIRECT_URI });
const request = location.search === "?named" ? { url_state: OAUTH_STATE } : {};
const fail = (error) => { document.getElementById("error").textContent = error.error ?? error; };
const show = async () => { document.getElementById("who").textContent = (await users.getUser())?.profile.sub ?? "nobody"; };

document.getElementById("sign-in").onclick = () => users.signinRedirect(request);
document.getElementById("popup").onclick = () => users.signinPopup(request).then(show, fail);
if (location.pathname === "/auth/callback") await users.signinCallback().then((user) => user && location.replace("/"), fail);
await show();

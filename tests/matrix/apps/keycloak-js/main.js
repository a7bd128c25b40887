// keycloak-js, with a provider of its own. It forgets who signed in when the page is loaded again: the app remembers.
import Keycloak from "keycloak-js";

const { ISSUER, OAUTH_REDIRECT_URI } = import.meta.env;
const keycloak = new Keycloak({ oidcProvider: ISSUER, clientId: "keycloak" });
const fail = (error) => { document.getElementById("error").textContent = error.error ?? error; };

document.getElementById("sign-in").onclick = () => keycloak.login({ redirectUri: OAUTH_REDIRECT_URI });
await keycloak.init({ checkLoginIframe: false }).catch(fail);
if (keycloak.authenticated) localStorage.setItem("who", keycloak.idTokenParsed.sub);
document.getElementById("who").textContent = localStorage.getItem("who") ?? "nobody";

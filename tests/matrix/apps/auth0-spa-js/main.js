// auth0-spa-js, with a provider of its own.
import { createAuth0Client } from "@auth0/auth0-spa-js";

const { ISSUER, OAUTH_REDIRECT_URI } = import.meta.env;
const client = await createAuth0Client({
  domain: new URL(ISSUER).host, issuer: ISSUER, clientId: "page", cacheLocation: "localstorage", authorizationParams: { redirect_uri: OAUTH_REDIRECT_URI },
});
const fail = (error) => { document.getElementById("error").textContent = error.error ?? error; };

document.getElementById("sign-in").onclick = () => client.loginWithRedirect();
if (location.pathname === "/auth/callback") await client.handleRedirectCallback().then(() => location.replace("/"), fail);
document.getElementById("who").textContent = (await client.getUser())?.sub ?? "nobody";

// An Express app with MSAL Node, told its redirect URI.
import express from "express";
import session from "express-session";
import { ConfidentialClientApplication, CryptoProvider, ProtocolMode } from "@azure/msal-node";

const { PORT, ISSUER, OAUTH_REDIRECT_URI } = process.env;
const crypto = new CryptoProvider();
const provider = new ConfidentialClientApplication({
  auth: { clientId: "server-post", clientSecret: "not-a-secret", authority: ISSUER, knownAuthorities: [new URL(ISSUER).host] },
  system: { protocolMode: ProtocolMode.OIDC },
});

const app = express();
app.use(session({ secret: "not-a-secret", resave: false, saveUninitialized: false }));
app.get("/", (request, response) => {
  response.send(`<link rel="icon" href="data:,"><a id="sign-in" href="/login">Sign in</a><p id="who">${request.session.sub ?? "nobody"}</p>`);
});
app.get("/login", async (request, response) => {
  const { verifier, challenge } = await crypto.generatePkceCodes();
  request.session.pending = { state: crypto.createNewGuid(), verifier };
  response.redirect(await provider.getAuthCodeUrl({
    scopes: ["openid"],
    redirectUri: OAUTH_REDIRECT_URI,
    state: request.session.pending.state,
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
  }));
});
app.get("/auth/callback", async (request, response) => {
  const { state, verifier } = request.session.pending;
  const asked = { scopes: ["openid"], redirectUri: OAUTH_REDIRECT_URI, code: request.query.code, codeVerifier: verifier, state };
  const { idTokenClaims } = await provider.acquireTokenByCode(asked, request.query);
  request.session.sub = idTokenClaims.sub;
  response.redirect("/");
});
app.use(({ message }, _request, response, _next) => response.status(403).send(message));
app.listen(PORT, "127.0.0.1");

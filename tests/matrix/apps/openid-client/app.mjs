// An Express app with openid-client that takes its redirect URI from the host that was asked, as its example does.
import express from "express";
import session from "express-session";
import * as openid from "openid-client";

const { PORT, ISSUER } = process.env;
const provider = await openid.discovery(new URL(ISSUER), "server", "not-a-secret");
const asked = ({ headers, url }) => new URL(url, `http://${headers.host}`);

const app = express();
app.use(session({ secret: "not-a-secret", resave: false, saveUninitialized: false }));
app.get("/", (request, response) => {
  response.send(`<link rel="icon" href="data:,"><a id="sign-in" href="/login">Sign in</a><p id="who">${request.session.sub ?? "nobody"}</p>`);
});
app.get("/login", async (request, response) => {
  const state = openid.randomState();
  const verifier = openid.randomPKCECodeVerifier();
  request.session.pending = { state, verifier };
  response.redirect(openid.buildAuthorizationUrl(provider, {
    redirect_uri: new URL("/login/done", asked(request)).href,
    scope: "openid",
    state,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  }).href);
});
app.get("/login/done", async (request, response) => {
  const { state, verifier } = request.session.pending;
  const checks = { expectedState: state, pkceCodeVerifier: verifier };
  request.session.sub = (await openid.authorizationCodeGrant(provider, asked(request), checks)).claims().sub;
  response.redirect("/");
});
app.use(({ message }, _request, response, _next) => response.status(403).send(message));
app.listen(PORT, "127.0.0.1");

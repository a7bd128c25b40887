// An Express app with passport, whose callback is a path on the host that was asked, as passport's documentation has it.
import express from "express";
import session from "express-session";
import passport from "passport";
import { Strategy } from "passport-oauth2";

const { PORT, ISSUER } = process.env;
const options = {
  authorizationURL: `${ISSUER}/auth`,
  tokenURL: `${ISSUER}/token`,
  clientID: "server-post",
  clientSecret: "not-a-secret",
  callbackURL: "/oauth2/redirect",
  scope: "openid",
  state: true,
  pkce: true,
};
passport.use("provider", new Strategy(options, (token, _refresh, _profile, done) => {
  const asked = fetch(`${ISSUER}/me`, { headers: { Authorization: `Bearer ${token}` } });
  asked.then((answer) => answer.json()).then((user) => done(null, user), done);
}));
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const app = express();
app.use(session({ secret: "not-a-secret", resave: false, saveUninitialized: false }));
app.use(passport.session());
app.get("/", ({ user }, response) => {
  response.send(`<link rel="icon" href="data:,"><a id="sign-in" href="/login">Sign in</a><p id="who">${user?.sub ?? "nobody"}</p>`);
});
app.get("/login", passport.authenticate("provider"));
app.get("/oauth2/redirect", passport.authenticate("provider", { successRedirect: "/" }));
app.use(({ message }, _request, response, _next) => response.status(403).send(message));
app.listen(PORT, "127.0.0.1");

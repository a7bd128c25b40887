// An Express app with express-openid-connect, as its documentation has it: its base URL comes from BASE_URL.
import express from "express";
import openid from "express-openid-connect";

const { PORT, ISSUER } = process.env;
const app = express();
app.use(openid.auth({
  issuerBaseURL: ISSUER,
  clientID: "server",
  clientSecret: "not-a-secret",
  clientAuthMethod: "client_secret_basic",
  secret: "not-a-secret-but-long-enough-for-it",
  authRequired: false,
  authorizationParams: { response_type: "code", scope: "openid" },
}));
app.get("/", ({ oidc }, response) => {
  response.send(`<link rel="icon" href="data:,"><a id="sign-in" href="/login">Sign in</a><p id="who">${oidc.user?.sub ?? "nobody"}</p>`);
});
app.use(({ status = 500, message }, _request, response, _next) => response.status(status).send(message));
app.listen(PORT, "127.0.0.1");

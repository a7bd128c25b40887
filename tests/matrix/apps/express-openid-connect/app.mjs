// An Express app with express-openid-connect, whose base URL is the host that was asked, as for an app with several hosts.
import express from "express";
import openid from "express-openid-connect";

const { PORT, ISSUER } = process.env;
const own = (request) => openid.auth({
  issuerBaseURL: ISSUER,
  baseURL: `http://${request.headers.host}`,
  clientID: "server",
  clientSecret: "not-a-secret",
  clientAuthMethod: "client_secret_basic",
  secret: "not-a-secret-but-long-enough-for-it",
  authRequired: false,
  authorizationParams: { response_type: "code", scope: "openid" },
});
const hosts = new Map();

const app = express();
app.use((request, response, next) => {
  const { host } = request.headers;
  if (!hosts.has(host)) hosts.set(host, own(request));
  return hosts.get(host)(request, response, next);
});
app.get("/", ({ oidc }, response) => {
  response.send(`<link rel="icon" href="data:,"><a id="sign-in" href="/login">Sign in</a><p id="who">${oidc.user?.sub ?? "nobody"}</p>`);
});
app.use(({ status = 500, message }, _request, response, _next) => response.status(status).send(message));
app.listen(PORT, "127.0.0.1");

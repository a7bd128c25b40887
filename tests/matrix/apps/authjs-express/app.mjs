// An Express app with Auth.js, as its documentation has it.
import { ExpressAuth, getSession } from "@auth/express";
import express from "express";

const { PORT, ISSUER } = process.env;
const config = {
  providers: [{ id: "provider", name: "Provider", type: "oidc", issuer: ISSUER, clientId: "server", clientSecret: "not-a-secret" }],
  callbacks: { session: ({ session, token }) => ({ ...session, sub: token.sub }), jwt: ({ token, profile }) => ({ ...token, sub: profile?.sub ?? token.sub }) },
};

const app = express();
app.set("trust proxy", true);
app.use("/auth", ExpressAuth(config));
app.get("/", async (request, response) => {
  const session = await getSession(request, config);
  response.send(`<link rel="icon" href="data:,"><p id="who">${session?.sub ?? "nobody"}</p>`);
});
app.listen(PORT, "127.0.0.1");

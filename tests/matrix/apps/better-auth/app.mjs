// An Express app with better-auth and its client, told its redirect URI.
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { genericOAuth } from "better-auth/plugins";
import express from "express";
import { createServer } from "vite";

const { PORT, ISSUER, OAUTH_REDIRECT_URI } = process.env;
const auth = betterAuth({
  secret: "not-a-secret-but-long-enough-for-it",
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  plugins: [genericOAuth({ config: [{
    providerId: "provider",
    discoveryUrl: `${ISSUER}/.well-known/openid-configuration`,
    clientId: "server-post",
    clientSecret: "not-a-secret",
    redirectURI: new URL("/api/auth/callback/provider", OAUTH_REDIRECT_URI).href,
    scopes: ["openid"],
    pkce: true,
    mapProfileToUser: ({ sub }) => ({ name: sub, email: `${sub}@example.org` }),
  }] })],
});

const app = express();
app.all("/api/auth/{*path}", toNodeHandler(auth));
app.use((await createServer({ server: { middlewareMode: true, hmr: false } })).middlewares);
app.listen(PORT, "127.0.0.1");

// Auth.js, as its documentation has it.
import NextAuth from "next-auth";

export const { auth, handlers, signIn, signOut } = NextAuth({
  providers: [{ id: "provider", name: "Provider", type: "oidc", issuer: process.env.ISSUER, clientId: "server", clientSecret: "not-a-secret" }],
  callbacks: {
    jwt: ({ token, profile }) => ({ ...token, sub: profile?.sub ?? token.sub }),
    session: ({ session, token }) => ({ ...session, sub: token.sub }),
  },
});

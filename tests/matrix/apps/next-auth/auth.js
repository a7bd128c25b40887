// next-auth 4 with a provider of its own.
export const options = {
  providers: [{
    id: "provider",
    name: "Provider",
    type: "oauth",
    wellKnown: `${process.env.ISSUER}/.well-known/openid-configuration`,
    clientId: "server",
    clientSecret: "not-a-secret",
    authorization: { params: { scope: "openid" } },
    idToken: true,
    checks: ["pkce", "state"],
    profile: ({ sub }) => ({ id: sub }),
  }],
  callbacks: {
    session: ({ session, token }) => ({ ...session, sub: token.sub }),
  },
};

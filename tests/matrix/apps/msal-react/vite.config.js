export default { envPrefix: ["OAUTH_", "ISSUER"] };

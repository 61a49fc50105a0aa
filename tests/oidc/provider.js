// An OpenID provider for tests: whoever signs in is the person that the login's name says.
//
// usage: node provider.js HOST PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
//
// The login page of oidc-provider takes any name: NAME@HOST is a person with that verified address,
// unverified+NAME@HOST one whose address is not verified.
import Provider from "oidc-provider";

const [host, port, clientId, clientSecret, redirectUri] = process.argv.slice(2);
const issuer = `http://${host}:${port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["given_name", "family_name"] },
  pkce: { required: () => true, methods: ["S256"] },
  cookies: { keys: ["of tests only"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: id.replace(/^unverified\+/, ""),
      email_verified: !id.startsWith("unverified+"),
      given_name: "Grace",
      family_name: "Hopper",
    }),
  }),
});
provider.listen(Number(port), host, () => console.log(`${issuer} is ready`));

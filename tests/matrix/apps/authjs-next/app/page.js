import { auth, signIn, signOut } from "../auth";
import Client from "./client";

async function begin() {
  "use server";
  await signIn("provider", { redirectTo: "/" });
}

async function end() {
  "use server";
  await signOut({ redirectTo: "/" });
}

export default async function Page() {
  const session = await auth();
  return <>
    <form action={begin}><button id="action">By a server action</button></form>
    <form action={end}><button id="sign-out">Sign out</button></form>
    <Client />
    <p id="who">{session?.sub ?? "nobody"}</p>
  </>;
}

import { auth, signIn } from "../auth";
import Client from "./client";

async function begin() {
  "use server";
  await signIn("provider", { redirectTo: "/" });
}

export default async function Page() {
  const session = await auth();
  return <>
    <form action={begin}><button id="action">By a server action</button></form>
    <Client />
    <p id="who">{session?.sub ?? "nobody"}</p>
  </>;
}

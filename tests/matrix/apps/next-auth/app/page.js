import { getServerSession } from "next-auth";
import { options } from "../auth";
import Client from "./client";

export default async function Page() {
  const session = await getServerSession(options);
  return <><Client /><p id="who">{session?.sub ?? "nobody"}</p></>;
}

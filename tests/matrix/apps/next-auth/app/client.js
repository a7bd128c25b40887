"use client";
import { useEffect, useState } from "react";
import { signIn } from "next-auth/react";

export default function Client() {
  const [ready, setReady] = useState(false);
  useEffect(() => setReady(true), []);
  return <button id={ready ? "client" : "soon"} onClick={() => signIn("provider")}>By the client</button>;
}

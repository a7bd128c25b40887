// A search has come back. One host that has begun the sign-in gets the answer; none or two, and the developer chooses.
async function end() {
  const answer = JSON.parse(take(KEY) ?? "null");
  if (!answer) {
    for (const element of document.querySelectorAll("main > [hidden]")) element.hidden = false;
    return;
  }
  const heard = new URLSearchParams(location.hash.slice(1));
  const maybe = (heard.get("maybe") ?? "").split(",").filter(Boolean);
  const by = heard.get("by") ?? (maybe.length === 1 ? maybe[0] : undefined);
  // Only a host that was asked, or one below it
  const asked = by && answer.asked.some(([host]) => by === host || by.endsWith(`.${host}`));
  if (asked && /^[a-z0-9.-]+$/.test(by)) return handTo(by, answer);
  // Somebody may have come to a worktree only a moment before, which the watcher has not seen yet
  if (maybe.length || !visit(answer, [...(await sites(answer)), ...everybody(answer)], ALL)) giveUp(answer);
}

end();

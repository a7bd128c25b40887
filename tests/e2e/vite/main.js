// The page of one worktree: tests write another text here and see it change without a reload.
document.querySelector("h1").textContent = "shop";
import.meta.hot.accept();

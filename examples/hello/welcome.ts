import { sleep } from "perdure";
import { start } from "perdure/api";

export async function welcome(email: string) {
  "use workflow";
  const user = await createUser(email);
  await sleep("1s"); // or "30 days": no process has to wait for it
  return await sendMail(user.email, `Welcome, user ${user.id}`);
}

async function createUser(email: string) {
  "use step";
  return { id: 42, email };
}

async function sendMail(to: string, subject: string) {
  "use step";
  if (Math.random() < 0.3) throw new Error("The mail server is busy"); // tried again
  return `"${subject}" is on its way to ${to}`;
}

const run = await start(welcome, ["ada@example.org"]);
console.log(await run.returnValue);

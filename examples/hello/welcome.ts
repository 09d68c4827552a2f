import { getStepMetadata, sleep } from "perdure";

export async function welcome(email: string) {
  "use workflow";
  const user = await createUser(email);
  await sleep("1s"); // or "30 days": no process has to live that long
  return await sendMail(user.email, `Welcome, user ${user.id}`);
}

async function createUser(email: string) {
  "use step";
  return { id: 42, email };
}

async function sendMail(to: string, subject: string) {
  "use step";
  if (getStepMetadata().attempt === 1) throw new Error("The mail server is busy"); // tried again after a second
  return `"${subject}" is on its way to ${to}`;
}

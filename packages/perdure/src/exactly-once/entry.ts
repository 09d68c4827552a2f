/**
 * The row of a call, inside of a transaction that is open.
 *
 * The row is inserted before the body, so that whoever comes second waits for whoever came first, and gets its result before
 * the commit. A row without a result is never committed, unless the body has ended the transaction itself.
 *
 * Whose client it is, what it makes of types and how it binds parameters is not known here. So each statement is a text without
 * parameters, whose values travel in Base64, and each column of an answer is a text. What is to be expected is an answer and not
 * an error, since an error ends a transaction.
 */
import { randomBytes } from "node:crypto";
import { FatalError, SerializationError, StoreError } from "@perdure/errors";
import { dehydrate } from "@perdure/serde";
import type { TransactionClient } from "@perdure/world";
import { nameUsedError, type OnceKey } from "./call.ts";
import { type OnceTableOptions, tableIn, tableMissingError } from "./table.ts";

/** A larger result does not belong into a table that is kept for months. */
const resultBytesMax = 1024 * 1024;

const triesMax = 3;

/** A setting that lasts as long as the transaction, whoever ends that. */
const markSetting = "perdure.once";

type Row = Readonly<Record<string, string | null>>;

export class OnceEntry {
  readonly #client: TransactionClient;
  readonly #key: OnceKey;
  readonly #options: OnceTableOptions;
  readonly #table: string;
  #mark = "";

  constructor(client: TransactionClient, key: OnceKey, options: OnceTableOptions) {
    this.#client = client;
    this.#key = key;
    this.#options = options;
    this.#table = tableIn(options);
  }

  /** Marks the transaction, unless it is marked, and looks whether the table is there. */
  async open(): Promise<void> {
    const mark = randomBytes(9).toString("hex");
    const [row] = await this.#rows(
      `SELECT coalesce(nullif(current_setting('${markSetting}', true), ''), set_config('${markSetting}', '${mark}', true)) AS mark,
to_regclass('${this.#table}')::text AS found`,
    );
    this.#mark = row?.["mark"] ?? "";
    if (row?.["found"] === null) throw tableMissingError(this.#options);
  }

  /** Whether the statements of this client are those of one transaction, which is open still. */
  async isOpen(): Promise<boolean> {
    const [row] = await this.#rows(`SELECT current_setting('${markSetting}', true) AS mark`);
    return row?.["mark"] === this.#mark;
  }

  /** The result that is stored; null: there was none, and the row is this transaction's until its end. */
  async take(): Promise<Uint8Array | null> {
    // A row that is in the way and not to be found was deleted in between.
    for (let tries = 1; tries <= triesMax; tries += 1) {
      const inserted = await this.#rows(`INSERT INTO ${this.#table} (run_id, step_id, name, input_digest)
SELECT g.run_id, g.step_id, g.name, g.input_digest FROM ${this.#given()} ON CONFLICT DO NOTHING RETURNING run_id`);
      if (inserted.length > 0) return null;
      const [found] = await this.#rows(`SELECT t.input_digest, encode(t.result, 'base64') AS result
FROM ${this.#table} t, ${this.#given()} WHERE ${sameKey}`);
      if (found !== undefined) return this.#resultOf(found);
    }
    throw new StoreError("STORE_UNSUPPORTED", `A row of the table ${this.#table} can neither be inserted nor read.`, {
      hint: "Look for a trigger or a rule on the table.",
    });
  }

  /** Stores the result in the row, which is this transaction's. Returns it as it is stored. */
  async record(result: unknown): Promise<Uint8Array> {
    const what = `the result of ${this.#key.caller}() in step ${this.#key.step}`;
    const payload = dehydrate(result, what);
    if (payload.byteLength > resultBytesMax) {
      throw new SerializationError(what, `${payload.byteLength} bytes (the limit is ${resultBytesMax})`, "", {
        hint: "Return what identifies the rows that were written, and read them again.",
      });
    }
    const recorded = await this.#rows(`UPDATE ${this.#table} t
SET result = decode('${Buffer.from(payload).toString("base64")}', 'base64') FROM ${this.#given()}
WHERE ${sameKey} AND t.result IS NULL AND current_setting('${markSetting}', true) = '${this.#mark}' RETURNING t.run_id`);
    if (recorded.length === 0) throw this.#endedError();
    return payload;
  }

  #resultOf(found: Row): Uint8Array {
    if (this.#key.isRepeated) throw nameUsedError(this.#key);
    const { result, input_digest: inputDigest } = found;
    if (inputDigest !== this.#key.inputDigest) throw this.#otherInputError();
    if (typeof result !== "string") throw this.#endedError();
    return Uint8Array.from(Buffer.from(result, "base64"));
  }

  #endedError(): FatalError {
    return new FatalError(
      `The body of ${this.#key.caller}() has ended its transaction itself: what it wrote may be committed.`,
      {
        where: this.#where(),
        hint: "Leave COMMIT and ROLLBACK to Perdure, or to whoever began the transaction. Savepoints may be used.",
      },
    );
  }

  #otherInputError(): FatalError {
    return new FatalError("The table has a result of this step for other arguments.", {
      where: this.#where(),
      hint: `The runs were put back to an earlier state, and this one went another way since. Undo by hand what the step did then, and delete its row in ${this.#table}.`,
    });
  }

  #where(): { readonly runId: string; readonly step: string } {
    return { runId: this.#key.runId, step: this.#key.step };
  }

  /** The key as one row `g`, in a text that holds nothing which would have to be quoted. */
  #given(): string {
    const { runId, stepId, name, inputDigest } = this.#key;
    const text = JSON.stringify({ run_id: runId, step_id: stepId, name, input_digest: inputDigest });
    const encoded = Buffer.from(text).toString("base64");
    const columns = "run_id text, step_id text, name text, input_digest text";
    return `json_to_record(convert_from(decode('${encoded}', 'base64'), 'UTF8')::json) AS g(${columns})`;
  }

  async #rows(text: string): Promise<readonly Row[]> {
    const answer = await this.#client.query(text);
    return answer.rows as readonly Row[];
  }
}

const sameKey = "t.run_id = g.run_id AND t.step_id = g.step_id AND t.name = g.name";

/** Arrays in the binary format of the server, compared with what it makes of them. */
import { describe, expect, it } from "vitest";
import { bigIntegers, booleans, byteStrings, doubles, integers, texts } from "../src/binary-arrays.ts";
import { TestDatabases, withClient } from "./server.ts";

const databases = new TestDatabases();

const same = <T>(value: T): T => value;
const long = "ü\u{1f680}".repeat(40_000);

const integerValues = [0, 1, -1, null, 2 ** 31 - 1, -(2 ** 31)];
const bigValues = [0, 1, -1, null, 2 ** 32, -(2 ** 32) - 5, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
const doubleValues = [0, -0.5, null, 1e300, Number.MIN_VALUE];
const textValues = ["", "plain", null, '{"a",\\}', "NULL", long];
const byteValues = [new Uint8Array(0), null, new Uint8Array([0, 255, 7]), new Uint8Array(100_000).fill(3)];

/** Arrays as the server has understood them. */
const question = `SELECT to_json($1::boolean[]) AS booleans, to_json($2::integer[]) AS integers,
  to_json($3::bigint[]::text[]) AS "bigIntegers", to_json($4::double precision[]) AS doubles, to_json($5::text[]) AS texts,
  (SELECT json_agg(encode(b, 'hex') ORDER BY n) FROM unnest($6::bytea[]) WITH ORDINALITY AS x(b, n)) AS bytes,
  array_lower($5::text[], 1) AS first, $7::text[] IS NULL AS nothing`;

describe("arrays in the binary format", () => {
  it("are the values that were given, to the server", async () => {
    const row = await withClient(await databases.create(), async (client) => {
      const { rows } = await client.query(question, [
        booleans([true, null, false], same),
        integers(integerValues, same),
        bigIntegers(bigValues, same),
        doubles(doubleValues, same),
        texts(textValues, same),
        byteStrings(byteValues, same),
        texts([null, null], same),
      ]);
      return rows[0];
    });
    expect(row).toEqual({
      booleans: [true, null, false],
      integers: integerValues,
      bigIntegers: bigValues.map((value) => (value === null ? null : String(value))),
      doubles: doubleValues,
      texts: textValues,
      bytes: byteValues.map((value) => (value === null ? null : Buffer.from(value).toString("hex"))),
      first: 1,
      nothing: true,
    });
  });
});

/**
 * Keeps a run from being created for a bundle that is being collected: see `bundle-collection.ts`.
 *
 * It is asked once for each statement that creates runs, after their rows are written: from then on the transaction has
 * an id, by which the collection knows that it is still at work. Under a stricter isolation the row of the bundle is
 * locked first, which fails when it was marked after the transaction had begun: it would not see that.
 */
export const bundleGuard = `
CREATE FUNCTION {schema}.refuse_doomed_bundles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM 1 FROM {schema}.bundles b
      WHERE (b.namespace, b.id) IN (SELECT c.namespace, c.bundle_id FROM created c) FOR SHARE;
  END IF;
  PERFORM 1 FROM {schema}.bundles b JOIN created c ON b.namespace = c.namespace AND b.id = c.bundle_id WHERE b.doomed;
  IF FOUND THEN
    RAISE EXCEPTION 'a bundle is being collected' USING ERRCODE = 'PDT02';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER runs_need_bundles AFTER INSERT ON {schema}.runs REFERENCING NEW TABLE AS created
  FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_doomed_bundles();
`;

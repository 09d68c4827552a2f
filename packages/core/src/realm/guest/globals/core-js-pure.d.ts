declare module "core-js-pure/web/url.js" {
  const RealmURL: typeof URL;

  export = RealmURL;
}

declare module "core-js-pure/web/url-search-params.js" {
  const RealmURLSearchParams: typeof URLSearchParams;

  export = RealmURLSearchParams;
}

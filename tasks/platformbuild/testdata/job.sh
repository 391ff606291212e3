# usage: job.sh [FLAG ...] PIPELINE.yml
# The local agent with a checkout of the folder src, and the registry's service connection,
# which is called contoso: connection.json, if there is one. In both, REGISTRY stands for the
# registry, whose host is in the variable registry of the pipeline, too.
set -eu
if [ -e connection.json ]; then
  sed "s|REGISTRY|$REGISTRY|g" connection.json > endpoint.json
else # no file of the script has the password: the agent looks for it
  printf '{
    "id": "2b7d4a10-93f5-4c7e-8a51-0d6e5c1b9f42", "name": "contoso", "url": "%s/",
    "auth": { "scheme": "UsernamePassword", "parameters": { "registry": "%s", "username": "%s", "password": "%s" } },
    "data": { "registrytype": "Others" }
  }' "$REGISTRY_URL" "$REGISTRY_URL" "pusher-$$-$RANDOM" "Rosebud-$$-$RANDOM-x" > endpoint.json
fi
if [ -e src ]; then
  rm -rf checkout
  cp -R src checkout
  find checkout -type f -exec grep -qI . {} \; -exec sed -i "s|REGISTRY|$REGISTRY|g" {} +
  git init -q -b main checkout
  git -C checkout add -A
  git -C checkout -c user.name=x -c user.email=x@example.com commit -q --allow-empty -m first
  set -- --sources checkout "$@"
fi
exec localagent run --tasks "$PACKAGE" --endpoint endpoint.json --var "registry=$REGISTRY" --time-scale 0.01 "$@"

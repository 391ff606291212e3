#!/usr/bin/env bash
# Replays the post-mortem's secret in a plain variable, first as it was, then with the
# packed KeyVaultEnv task.
# usage: replay.sh LOCALAGENT PACKAGE.vsix WORKFOLDER
#
# Exit status 0 means that every act ended as it says; anything else fails.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
agent=$1 package=$2 work=$3
password=Autumn-2025/reset

failed() {
  echo "DEMO FAILED: $1" >&2
  exit 1
}

# title, expected exit status, pipeline, expected words in the log...
act() {
  local title=$1 status=$2 pipeline=$3 got=0
  shift 3
  printf '\n──── %s\n\n' "$title"
  "$FAKEAZURE" -config "$here/vaults.json" -- "$agent" run --tasks "$package" --endpoint "$here/connection.json" \
    "$here/$pipeline" >"$work/log" 2>&1 || got=$?
  cat "$work/log"
  [[ $got -eq $status ]] || failed "the pipeline ended with status $got, not $status"
  for words in "$@"; do
    grep -qF -- "$words" "$work/log" || failed "the log does not say \"$words\""
  done
}

hidden() { # no form of the password is in the log
  local form
  for form in "$password" "${password//\//%2f}" "$(printf '%s' "$password" | od -An -tx1 | tr -d ' \n')" \
    "$(printf 'orders_app:%s' "$password" | base64)"; do
    ! grep -qF -- "$form" "$work/log" || failed "the log shows the password as $form"
  done
}

act "1. As it was: a plain variable, in the log of every run" 0 disaster.yml "with password $password"

act "2. KeyVaultEnv finds the plain variable, names it, masks it and refuses" \
  1 audit.yml "the plain variable DATABASE_URL holds the value of the secret orders-database-url"
hidden

act "3. Hardened: from the vault, masked in every form, and nothing found at the end" \
  0 hardened.yml "No secret found" "host, database and user can still be read: orders.database.windows.net, orders, orders_app"
hidden

act "4. What no mask can see is found at the end of the job, with the way to rotate it" \
  1 leak.yml "settings.properties, line 1" "log of Job / Migrate the database" "Rotate:"

printf '\nAll four acts ended as they should.\n'

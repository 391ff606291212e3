// What AzureKeyVault@2 does to fetch named secrets, written after its source
// (microsoft/azure-pipelines-tasks, Tasks/AzureKeyVaultV2 at 2.276) on the package it
// is made on: sign-in, requests and retries are azure-pipelines-tasks-azure-arm-rest's.
// Ours are the order of the requests (twenty at once, then all of them are waited
// for) and the variables that are set.
const tl = require('azure-pipelines-task-lib/task');
const { AzureRMEndpoint } = require('azure-pipelines-tasks-azure-arm-rest/azure-arm-endpoint');
const { ServiceClient } = require('azure-pipelines-tasks-azure-arm-rest/AzureServiceClient');
const { WebRequest } = require('azure-pipelines-tasks-azure-arm-rest/webClient');

const atOnce = 20;

async function fetchOne(client, vault, name) {
  const request = new WebRequest();
  request.method = 'GET';
  request.uri = client.getRequestUriForBaseUri(vault, '/secrets/{name}', { '{name}': name });
  const response = await client.beginRequest(request);
  if (response.statusCode !== 200) throw new Error(name + ': ' + response.statusCode);
  tl.setVariable(name, response.body.value, true);
  tl.setVariable(name, response.body.value, true); // it does so twice: with and without the version
}

async function main() {
  const connection = tl.getInput('ConnectedServiceName', true);
  const vault = 'https://' + tl.getInput('KeyVaultName', true) + '.vault.azure.net';
  const names = tl.getDelimitedInput('SecretsFilter', ',', true);
  const endpoint = await new AzureRMEndpoint(connection).getEndpoint();
  const credentials = endpoint.applicationTokenCredentials;
  credentials.baseUrl = credentials.activeDirectoryResourceId = 'https://vault.azure.net';
  const client = new ServiceClient(credentials, tl.getEndpointDataParameter(connection, 'SubscriptionId', true));
  client.apiVersion = '2016-10-01';
  tl.setVariable('SYSTEM_UNSAFEALLOWMULTILINESECRET', 'true');
  for (let i = 0; i < names.length; i += atOnce) {
    await Promise.all(names.slice(i, i + atOnce).map((name) => fetchOne(client, vault, name.trim())));
  }
}

main().then(
  () => tl.setResult(tl.TaskResult.Succeeded, ''),
  (err) => tl.setResult(tl.TaskResult.Failed, err.message));

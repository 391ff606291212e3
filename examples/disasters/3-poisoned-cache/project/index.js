// What a build ships is what it can load.
console.log(`ships lodash ${require('lodash').VERSION}`)

// Package document writes what an audit found in the forms that other programs read:
// JUnit for the run's Tests tab, CycloneDX for inventories.
//
// It promises that no text of a package or an advisory changes a document's form.
package document

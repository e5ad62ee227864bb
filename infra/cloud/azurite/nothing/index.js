// Stands in for packages that Azurite names and that this course never lets it use.
module.exports = {};

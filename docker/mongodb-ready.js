// mongodb-ready.js - the health check of MongoDB: makes a new server a replica set of one, and fails until it
// is its primary. Must never touch a set that is there.
try {
	rs.status();
} catch (error) {
	if (error.codeName !== 'NotYetInitialized') {
		throw error;
	}
	rs.initiate({_id: 'rs0', members: [{_id: 0, host: 'mongodb:27017'}]});
}
quit(db.hello().isWritablePrimary ? 0 : 1);

//! MongoDB: documents are inserted, looked up and counted, never changed.

use crate::failure::Failure;
use crate::message::{Batch, CLASS_BYTES, RECIPIENTS_MAX, SEQ_MAX, document_id, id_of, seq_of};
use crate::order::Range;
use crate::settings::CONNECT_TIMEOUT;
use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind, InsertManyError};
use mongodb::options::{
    ClientOptions, ClusteredIndex, CollectionOptions, ReadConcern, ReadPreference, WriteConcern,
};
use mongodb::{Client, Collection};
use std::collections::{HashMap, HashSet};

const DUPLICATE_KEY: i32 = 11000;
const VALIDATION_FAILED: i32 = 121;
const COLLECTION_EXISTS: i32 = 48;
/// A duplicate key of another index names another field here.
const PLACE_TAKEN: &str = "dup key: { _id: ";
const COMPARED: [&str; 5] = ["identifier", "phone_number", "message", "campaign_id", "attributes"];

/// A class of a campaign.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Place {
    pub campaign: String,
    pub class: String,
}

impl Place {
    pub fn of(batch: &Batch) -> Self {
        Self { campaign: batch.campaign.clone(), class: batch.class.clone() }
    }

    fn between(&self, (first, last): Range) -> Document {
        let id = |seq| document_id(&self.campaign, &self.class, seq);
        doc! {"_id": {"$gte": id(first), "$lte": id(last)}}
    }
}

/// The document at `index` is not stored: without a reason, its place is taken; else MongoDB's rules forbid it
/// for good.
pub struct Refusal {
    pub index: usize,
    pub reason: Option<String>,
}

#[derive(Clone)]
pub struct Messages(Collection<Document>);

impl Messages {
    /// Creates the collection if it is missing, which shows that MongoDB takes writes.
    pub async fn open(uri: &str, collection: &str) -> Result<Self, Failure> {
        let mut options = ClientOptions::parse(uri).await?;
        options.server_selection_timeout = Some(CONNECT_TIMEOUT);
        let client = Client::with_options(options)?;
        let database = client.default_database().unwrap_or_else(|| client.database("campaign"));
        let clustered = ClusteredIndex::default();
        match database.create_collection(collection).clustered_index(clustered).await {
            Err(error) if code_of(&error) != Some(COLLECTION_EXISTS) => return Err(error.into()),
            _ => (),
        }
        Ok(Self(database.collection_with_options(collection, collection_options())))
    }

    /// Stores documents in order: all, or those in front of the refused one.
    pub async fn insert(&self, documents: &[Document]) -> Result<Option<Refusal>, Failure> {
        let Err(error) = self.0.insert_many(documents).ordered(true).await else {
            return Ok(None);
        };
        let ErrorKind::InsertMany(InsertManyError {
            write_errors: Some(failed),
            write_concern_error: None,
            ..
        }) = error.kind.as_ref()
        else {
            return Err(error.into());
        };
        match failed.first() {
            Some(first) if first.code == DUPLICATE_KEY && first.message.contains(PLACE_TAKEN) => {
                Ok(Some(Refusal { index: first.index, reason: None }))
            }
            Some(first) if first.code == DUPLICATE_KEY || first.code == VALIDATION_FAILED => {
                Ok(Some(Refusal { index: first.index, reason: Some(first.message.clone()) }))
            }
            _ => Err(error.into()),
        }
    }

    /// What is in the places of these documents, by its _id.
    pub async fn taken(&self, documents: &[Document]) -> Result<HashMap<Vec<u8>, RawDocumentBuf>, Failure> {
        let collection = self.0.clone_with_type::<RawDocumentBuf>();
        let mut taken = HashMap::new();
        for near in documents.chunk_by(is_near) {
            let (first, last) = (near[0].get("_id"), near[near.len() - 1].get("_id"));
            let mut found = collection.find(doc! {"_id": {"$gte": first, "$lte": last}}).await?;
            while let Some(one) = found.try_next().await? {
                let id = one.get_binary("_id").map_or(&[][..], |id| id.bytes).to_vec();
                taken.insert(id, one);
            }
        }
        Ok(taken)
    }

    /// The last seq that is stored of a class, or 0.
    pub async fn highest(&self, place: &Place) -> Result<i64, Failure> {
        let found = self.0.find_one(place.between((0, SEQ_MAX)));
        let found = found.projection(doc! {"_id": 1}).sort(doc! {"_id": -1}).await?;
        Ok(found.as_ref().map_or(0, seq_of))
    }

    /// Which seqs of a range MongoDB has.
    pub async fn stored(&self, place: &Place, range: Range) -> Result<HashSet<i64>, Failure> {
        let cursor = self.0.find(place.between(range)).projection(doc! {"_id": 1}).await?;
        Ok(cursor.map_ok(|one| seq_of(&one)).try_collect().await?)
    }

    pub async fn count(&self, place: &Place, range: Range) -> Result<i64, Failure> {
        Ok(self.0.count_documents(place.between(range)).await? as i64)
    }
}

/// They win over the URI: a secondary that lags lacks what is stored.
fn collection_options() -> CollectionOptions {
    let mut options = CollectionOptions::default();
    options.selection_criteria = Some(ReadPreference::Primary.into());
    options.read_concern = Some(ReadConcern::majority());
    options.write_concern =
        Some(WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true).build());
    options
}

/// Whether these two are read at once: of one class, in order, and little in between.
fn is_near(one: &Document, next: &Document) -> bool {
    let apart = seq_of(next) - seq_of(one);
    id_of(one)[..CLASS_BYTES] == id_of(next)[..CLASS_BYTES] && (1..=RECIPIENTS_MAX as i64).contains(&apart)
}

/// Compares bytes: in theirs a field may be there twice, at any depth, and a Document would keep the last one.
pub fn is_same(ours: &Document, theirs: &RawDocument) -> bool {
    RawDocumentBuf::try_from(ours)
        .is_ok_and(|ours| COMPARED.iter().all(|name| values_of(&ours, name).eq(values_of(theirs, name))))
}

fn values_of<'a>(document: &'a RawDocument, name: &str) -> impl Iterator<Item = RawBsonRef<'a>> {
    document.iter().flatten().filter(move |(key, _)| key.as_str() == name).map(|(_, value)| value)
}

fn code_of(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(refused) => Some(refused.code),
        _ => None,
    }
}

/// The documents of a batch from `next` on.
pub fn documents_of(batch: &Batch, next: i64) -> Vec<Document> {
    let now = DateTime::now();
    let places = (batch.first..).zip(&batch.recipients).filter(|(seq, _)| *seq >= next);
    let present = places.filter_map(|(seq, recipient)| Some((seq, recipient.as_ref()?)));
    let document = |(seq, recipient): (i64, &crate::message::Recipient)| {
        let mut document = doc! {
            "_id": document_id(&batch.campaign, &batch.class, seq),
            "identifier": &recipient.identifier,
            "phone_number": &recipient.number,
            "message": recipient.text.as_ref().unwrap_or(&batch.text),
            "campaign_id": &batch.campaign,
            "class": &batch.class,
            "seq": seq,
        };
        if let Some(attributes) = &recipient.attributes {
            document.insert("attributes", attributes.clone());
        }
        document.extend(doc! {"created_at": now, "updated_at": now, "deleted": false});
        document
    };
    present.map(document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_primary_is_read() {
        let uri = "mongodb://127.0.0.1:9/?readPreference=secondary&readPreferenceTags=dc:x";
        let database = Client::with_uri_str(uri).await.unwrap().database("test");
        let collection = database.collection_with_options::<Document>("messages", collection_options());
        assert_eq!(collection.selection_criteria(), Some(&ReadPreference::Primary.into()));
    }

    #[test]
    fn documents_of_a_class_are_read_at_once() {
        let document = |(class, seq)| doc! {"_id": document_id("aa", class, seq)};
        let documents: Vec<Document> =
            [("VIP", 1), ("VIP", 2), ("VIP", 1002), ("VIP", 2003), ("VIP", 2003), ("NORMAL", 2004)]
                .map(document)
                .into();
        let near: Vec<usize> = documents.chunk_by(is_near).map(<[_]>::len).collect();
        assert_eq!(near, [3, 1, 1, 1]);
    }
}

// Whom a query finds, as the protocol ranks: rnnha.runs.outcome.Outcome.nearest is the definition.

// Places of the gallery, nearest first, with their distances; without the image itself and its
// vehicle in its own camera, which is junk. gallery: o2 of its images, by their places; set: what
// the index says of the data set.
export function rank(query, place, gallery, set) {
  const found = [];
  const width = query.length;
  gallery.places.forEach((other, row) => {
    if (!set.gallery[other] || other === place || isJunk(set, place, other)) return;
    let sum = 0;
    for (let i = 0, start = row * width; i < width; i++) {
      const difference = query[i] - gallery.o2[start + i];
      sum += difference * difference;
    }
    found.push({ place: other, distance: Math.sqrt(sum) });
  });
  return found.sort((a, b) => a.distance - b.distance);
}

function isJunk(set, place, other) {
  const camera = set.camera[place];
  return isRight(set, place, other) && camera !== null && camera === set.camera[other];
}

export function isRight(set, place, other) {
  return set.vehicle[place] === set.vehicle[other];
}

// Ranks, from 1, of the images of the query's vehicle.
export function rightRanks(found, place, set) {
  const ranks = [];
  found.forEach((item, i) => isRight(set, place, item.place) && ranks.push(i + 1));
  return ranks;
}

// (1/N) sum i / r_i over the ranks r_i of the N right images; NaN where there is none.
export function averagePrecision(ranks) {
  return ranks.reduce((sum, rank, i) => sum + (i + 1) / rank, 0) / ranks.length;
}

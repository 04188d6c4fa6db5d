INSERT INTO projects (id, slug, title, summary, url, tags, year, created_at, updated_at) VALUES
  ('2f1c2b54-6a55-4a0e-9a51-0d3f0e6b8a01', 'tidewatch', 'Tidewatch',
   'Tide tables for small harbours, readable on a wet phone. Works offline once opened, and admits when a forecast is old.',
   'https://tidewatch.example', '["TypeScript","Offline first","Maps"]', 2026,
   '2026-01-12T09:00:00.000Z', '2026-01-12T09:00:00.000Z'),
  ('2f1c2b54-6a55-4a0e-9a51-0d3f0e6b8a02', 'paper-trail', 'Paper Trail',
   'A county archive of 40,000 scanned letters made searchable, with the doubts of the handwriting recognition shown beside each line.',
   'https://papertrail.example', '["PostgreSQL","Search","Accessibility"]', 2025,
   '2025-06-03T09:00:00.000Z', '2025-06-03T09:00:00.000Z'),
  ('2f1c2b54-6a55-4a0e-9a51-0d3f0e6b8a03', 'quiet-queue', 'Quiet Queue',
   'A waiting room that texts you. Replaced paper numbers in three clinics and removed the crowd at the door.',
   NULL, '["NestJS","SMS","Public service"]', 2024,
   '2024-03-21T09:00:00.000Z', '2024-03-21T09:00:00.000Z');

-- All of these seats for this buyer, or nothing and the reason why: `services.reserve_seats` in one round trip.
--
-- Each statement in here sees what was committed before it began (READ COMMITTED), so what is read after a lock is
-- true. Nobody waits for a seat: when another transaction has it in its hands, or was quicker, this one fails with
-- lock_not_available, lets go of everything, and the caller asks anew. So only a look at what is committed refuses.
--
-- Old and new code run side by side: never change a function that a release has called, make `take_seats_2`.
CREATE FUNCTION take_seats_1(
    p_seats bigint[],       -- each once, in id order
    p_tickets text[],       -- the ticket of each
    p_rut integer, p_name text, p_email text, p_by text,
    p_caller text, p_key text, p_digest text,
    p_code text, p_message uuid,
    p_now timestamptz,
    p_hold interval,        -- null: as long as the event says
    p_hold_limit integer,
    p_rate_limit integer,   -- reservations of one buyer within a minute
    p_admitted bigint,      -- the event whose waiting room let the buyer in, and the place there; or null
    p_place bigint
) RETURNS json LANGUAGE plpgsql
-- A plan lives as long as its connection: one that was made while the tables were empty must suit full ones.
SET enable_seqscan = off
-- By itself PostgreSQL would plan each statement at each call, for it takes a list of seats to hold ten.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    look record;
    show record;
    held bigint;
    recent bigint;
    first timestamptz;
    reservation bigint;
    expires timestamptz;
    lines bigint[];
BEGIN
    PERFORM FROM reservations_reservation WHERE caller = p_caller AND idempotency_key = p_key;
    IF FOUND THEN
        RETURN json_build_object('answer', 'repeat');
    END IF;

    -- The look, without a lock: most who lose are refused here, and nothing is written.
    SELECT array_agg(id) AS ids, array_agg(price) AS prices, array_agg(label) AS labels, array_agg(section) AS sections,
           array_agg(section_id) AS section_ids, array_agg("row") AS rows, array_agg(number) AS numbers, array_agg(status) AS statuses,
           bool_and(status = 'available') AS free, count(*) AS known, min(event_id) AS event, max(event_id) AS other
    INTO look
    FROM (
        SELECT seat.id, seat.event_id, seat.label, seat."row", seat.number, seat.status, seat.section_id,
               section.name AS section, section.price
        FROM events_seat seat
        JOIN events_eventsection section ON section.id = seat.section_id
        JOIN events_event event ON event.id = seat.event_id AND event.status <> 'draft'
        WHERE seat.id = ANY (p_seats)
        ORDER BY seat.id
    ) seats;
    IF look.known < cardinality(p_seats) THEN
        RETURN json_build_object('answer', 'unknown', 'known', look.ids);
    ELSIF look.event <> look.other THEN
        RETURN json_build_object('answer', 'several_events');
    ELSIF NOT look.free THEN
        RETURN json_build_object(
            'answer', 'taken', 'ids', look.ids, 'labels', look.labels, 'statuses', look.statuses
        );
    END IF;
    SELECT event.name, venue.name AS venue, event.venue_id, event.starts_at, event.hold_minutes,
           event.status = 'published' AND event.sales_open_at <= p_now
           AND p_now < coalesce(event.sales_close_at, event.starts_at) AS on_sale, room.purchases
    INTO STRICT show
    FROM events_event event JOIN venues_venue venue ON venue.id = event.venue_id
    LEFT JOIN waiting_room_room room ON room.event_id = event.id AND room.in_use
    WHERE event.id = look.event;
    IF NOT show.on_sale THEN
        RETURN json_build_object('answer', 'closed', 'event', show.name);
    ELSIF show.purchases IS NOT NULL AND p_admitted IS DISTINCT FROM look.event THEN
        RETURN json_build_object('answer', 'waiting_room', 'event', look.event);
    END IF;

    -- The buyer (`locks.buyer`), counted under the lock, so that two calls at once cannot both fit.
    PERFORM pg_advisory_xact_lock(x'52555400'::integer, p_rut);
    SELECT count(line.id), count(DISTINCT r.id) FILTER (WHERE r.created_at > p_now - interval '1 minute'),
           min(r.created_at) FILTER (WHERE r.created_at > p_now - interval '1 minute')
    INTO held, recent, first
    FROM reservations_reservation r LEFT JOIN reservations_line line
         ON line.reservation_id = r.id AND line.status = 'held'
    WHERE r.rut = p_rut;
    IF held + cardinality(p_seats) > p_hold_limit OR recent >= p_rate_limit THEN
        -- The same call, which had the lock just before, is no reason to refuse this one.
        PERFORM FROM reservations_reservation WHERE caller = p_caller AND idempotency_key = p_key;
        RETURN CASE WHEN FOUND THEN json_build_object('answer', 'repeat')
               WHEN held + cardinality(p_seats) > p_hold_limit
               THEN json_build_object('answer', 'hold_limit', 'held', held)
               ELSE json_build_object(
                   'answer', 'too_often', 'wait', extract(epoch FROM first + interval '1 minute' - p_now)
               ) END;
    END IF;

    -- One use of the admission, for one buyer alone; rolled back with the rest.
    IF show.purchases IS NOT NULL THEN
        UPDATE waiting_room_place
        SET uses = uses + 1, rut = p_rut, used_at = coalesce(used_at, p_now)
        WHERE id = p_place AND room_id = look.event AND expires_at > p_now AND uses < show.purchases
              AND (rut IS NULL OR rut = p_rut);
        IF NOT FOUND THEN
            PERFORM FROM reservations_reservation WHERE caller = p_caller AND idempotency_key = p_key;
            RETURN CASE WHEN FOUND THEN json_build_object('answer', 'repeat')
                   ELSE json_build_object('answer', 'admission_used') END;
        END IF;
    END IF;

    -- The seats, in id order; see `locks.seats`.
    PERFORM FROM events_seat WHERE id = ANY (p_seats) ORDER BY id FOR NO KEY UPDATE NOWAIT;
    UPDATE events_seat SET status = 'reserved' WHERE id = ANY (p_seats) AND status = 'available';
    GET DIAGNOSTICS held = ROW_COUNT;
    IF held < cardinality(p_seats) THEN
        RAISE lock_not_available USING MESSAGE = 'another call was quicker';
    END IF;

    expires := p_now + coalesce(p_hold, make_interval(mins => show.hold_minutes));
    INSERT INTO reservations_reservation (
        code, event_id, rut, name, email, caller, idempotency_key, request_digest, created_at, expires_at, ask_reason
    ) VALUES (
        p_code, look.event, p_rut, p_name, p_email, p_caller, p_key, p_digest, p_now, expires, ''
    ) RETURNING id INTO reservation;
    WITH written AS (
        INSERT INTO reservations_line (
            reservation_id, seat_id, ticket_id, price, status, ticket_status, generation, version, changed_at
        )
        SELECT reservation, asked.seat, asked.ticket, asked.price, 'held', '', 0, 0, p_now
        FROM unnest(look.ids, p_tickets, look.prices) AS asked (seat, ticket, price)
        RETURNING id, seat_id
    )
    SELECT array_agg(id ORDER BY seat_id) INTO lines FROM written;
    -- As `messages.order_payload` and `outbox.services.enqueue` write it.
    INSERT INTO outbox_outboxmessage (
        id, type, aggregate, payload, state, created_at, next_attempt_at, attempts, last_error
    ) VALUES (
        p_message, 'ticket.create', p_code,
        jsonb_build_object(
            'order', p_code, 'rut', p_rut, 'name', p_name, 'email', p_email,
            'event_id', look.event, 'event', show.name, 'venue', show.venue, 'starts_at', show.starts_at,
            'reserved_at', p_now, 'expires_at', expires,
            'tickets', (
                SELECT jsonb_agg(jsonb_build_object(
                    'id', t.ticket, 'seat_id', t.seat, 'seat', t.label, 'section', t.section, 'price', t.price
                ))
                FROM unnest(p_tickets, look.ids, look.labels, look.sections, look.prices)
                     AS t (ticket, seat, label, section, price)
            )
        ),
        0, p_now, p_now - interval '5 minutes', 0, ''
    );
    INSERT INTO reservations_auditentry (at, by, action, reservation_id, event_id, detail)
    VALUES (p_now, p_by, 'reserved', reservation, look.event, jsonb_build_object('seats', look.labels));
    RETURN json_build_object(
        'answer', 'reserved', 'reservation', reservation, 'expires_at', expires, 'lines', lines,
        'event', look.event, 'name', show.name, 'starts_at', show.starts_at,
        'venue', show.venue_id, 'venue_name', show.venue,
        'labels', look.labels, 'rows', look.rows, 'numbers', look.numbers,
        'section_ids', look.section_ids, 'sections', look.sections, 'prices', look.prices
    );
END
$$

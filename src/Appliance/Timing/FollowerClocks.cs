// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Capture;
using Capbox.Platform.Nic;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Timing;

/// <summary>
/// The clocks of the machine that follow the source clock: CLOCK_REALTIME, and the PHCs that stamp recorded ports. One thread.
/// </summary>
/// <param name="options">Selects the followers.</param>
/// <param name="source">The source clock.</param>
/// <param name="sourcePhc">N of its /dev/ptpN; -1 for CLOCK_REALTIME.</param>
/// <param name="log">Receives changes of the set and failures.</param>
internal sealed class FollowerClocks(ClockOptions options, SourceClock source, int sourcePhc, PortLog log) : IDisposable
{
    /// <summary>Most PHCs that are disciplined.</summary>
    private const int MostCards = 32;

    private readonly FollowerServo? _system = options is { SystemFollows: true, Clock: DisciplinedClock.Card }
        ? new(new SystemFollower(new SystemClock(), source), options.TargetNs)
        : null;
    private readonly SortedDictionary<int, Card> _cards = [];
    private int _endedSteps;

    /// <summary>A PHC beside the source clock.</summary>
    /// <param name="Clock">Servo of the PHC; null if the PHC is the source clock or another follower under a second number.</param>
    /// <param name="Same">N of that other clock.</param>
    private sealed record Card(FollowerServo? Clock, int Same)
    {
        public TimeQuality Quality { get; set; } = TimeQuality.None;
    }

    /// <summary>Quality of the kernel's stamps while the system clock follows.</summary>
    public TimeQuality System { get; private set; } = TimeQuality.None;

    public int Steps => _endedSteps + (_system?.Steps ?? 0) + _cards.Values.Sum(c => c.Clock?.Steps ?? 0);

    /// <summary>State of the system clock; null if it does not follow.</summary>
    public FollowerSnapshot? SystemSnapshot => _system is null ? null : Describe(_system, System);

    public IReadOnlyList<FollowerSnapshot> Cards =>
        [.. _cards.Values.Where(c => c.Clock is not null).Select(c => Describe(c.Clock!, c.Quality))];

    /// <summary>Quality of the stamps of a PHC.</summary>
    public TimeQuality Evaluate(int phc, TimeQuality sourceQuality) => phc == sourcePhc ? sourceQuality
        : !_cards.TryGetValue(phc, out Card? card) ? TimeQuality.None
        : card.Clock is not null ? card.Quality
        : Evaluate(card.Same, sourceQuality);

    /// <summary>
    /// Updates the set of PHCs that stamp recorded ports. New ones begin to follow; removed ones keep their last frequency adjustment.
    /// </summary>
    /// <param name="phcs">N of /dev/ptpN, with the driver.</param>
    /// <param name="isTrusted">The recorder relies on the source clock, so it must not be stepped to find aliases.</param>
    public void Update(IReadOnlyDictionary<int, string?> phcs, bool isTrusted)
    {
        if (!options.CardsFollow)
            return;
        foreach (int gone in _cards.Keys.Where(phc => !phcs.ContainsKey(phc)).ToArray())
            Remove(gone);
        foreach ((int phc, string? driver) in phcs)
        {
            if (phc != sourcePhc && !_cards.ContainsKey(phc) && _cards.Count < MostCards)
                Attempt(phc, () => Add(phc, DriverTable.Find(driver).Quirks.HasFlag(DriverQuirks.MayShareClock), isTrusted));
        }
    }

    /// <summary>Compares and steers all followers.</summary>
    public void Follow(TimeQuality sourceQuality, UtcForecast? utc)
    {
        if (_system is not null)
            System = FollowOne(_system, sourceQuality, utc);
        // Two PHCs both count TAI: UTC does not matter between them.
        UtcForecast? between = source.CountsUtc ? utc : new UtcForecast(UtcOffset.Since2017);
        foreach (Card card in _cards.Values)
        {
            if (card.Clock is not null)
                card.Quality = FollowOne(card.Clock, sourceQuality, between);
        }
    }

    public void Dispose()
    {
        _system?.Dispose();
        foreach (Card card in _cards.Values)
            card.Clock?.Dispose();
    }

    private static FollowerSnapshot Describe(FollowerServo follower, TimeQuality quality) =>
        new(follower.Name, quality.State, follower.OffsetNs, quality.BoundNs == uint.MaxValue ? null : quality.BoundNs);

    private TimeQuality FollowOne(FollowerServo follower, TimeQuality sourceQuality, UtcForecast? utc)
    {
        TimeQuality quality = TimeQuality.None;
        Attempt(-1, () => quality = follower.Follow(sourceQuality, utc));
        return quality;
    }

    private void Attempt(int phc, Action what)
    {
        try
        {
            what();
        }
        catch (IOException e)
        {
            log.Failed(phc < 0 ? e.Message : string.Create(CultureInfo.InvariantCulture, $"/dev/ptp{phc}: cannot follow: {e.Message}"));
        }
    }

    private void Add(int phc, bool mayShare, bool isTrusted)
    {
        PhcClock clock = PhcClock.Open(phc);
        try
        {
            int same = mayShare ? FindSame(clock, isTrusted) : -1;
            FollowerServo? follower = same < 0 ? new FollowerServo(new PhcFollower(clock, source), options.TargetNs) : null;
            _cards.Add(phc, new Card(follower, same));
            log.Report(same < 0
                ? $"{clock.Name} follows {source.Clock.Name}"
                : string.Create(CultureInfo.InvariantCulture, $"{clock.Name} is an alias of /dev/ptp{same} and is not steered separately"));
            if (follower is null)
                clock.Dispose();
        }
        catch
        {
            clock.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Two servos must not steer one clock. A nudge of some microseconds finds aliases, before the recorder relies on the clock.
    /// </summary>
    /// <returns>N of the clock that it is an alias of; -1 for a clock of its own.</returns>
    private int FindSame(PhcClock clock, bool isTrusted)
    {
        if (isTrusted)
            throw new IOException("may be an alias of the source clock, which is in use; checked when the source is opened again");
        if (sourcePhc >= 0 && SharedClock.IsOne(clock, source.Clock))
            return sourcePhc;
        foreach ((int phc, Card card) in _cards)
        {
            if (card.Clock is null)
                continue;
            using PhcClock other = PhcClock.Open(phc);
            if (SharedClock.IsOne(clock, other))
                return phc;
        }

        return -1;
    }

    private void Remove(int phc)
    {
        _endedSteps += _cards[phc].Clock?.Steps ?? 0;
        _cards[phc].Clock?.Dispose();
        _cards.Remove(phc);
        log.Report(string.Create(CultureInfo.InvariantCulture, $"/dev/ptp{phc} no longer follows: it stamps no recorded port"));
    }
}

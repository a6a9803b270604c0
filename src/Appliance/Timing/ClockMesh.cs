using System.Globalization;
using Capbox.Packets.Capture;
using Capbox.Platform.Nic;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Timing;

/// <summary>The other clocks of the machine that follow the kept one: CLOCK_REALTIME, and the PHCs that stamp recorded ports. One thread.</summary>
/// <param name="options">Which are to follow.</param>
/// <param name="reference">The kept clock.</param>
/// <param name="referencePhc">N of its /dev/ptpN; -1: it is CLOCK_REALTIME.</param>
/// <param name="log">For what follows and what refuses to.</param>
internal sealed class ClockMesh(ClockOptions options, KeptReference reference, int referencePhc, PortLog log) : IDisposable
{
    /// <summary>PHCs that follow; more are not steered.</summary>
    private const int MostCards = 32;

    private readonly ClockFollower? _system = options is { SystemFollows: true, Clock: FollowingClock.Card } ? new(new FollowingSystem(new SystemClock(), reference), options.TargetNs) : null;
    private readonly SortedDictionary<int, Card> _cards = [];
    private int _endedSteps;

    /// <summary>A PHC beside the kept one.</summary>
    /// <param name="Clock">Null: it is the kept clock itself, or another's that follows, under another number.</param>
    /// <param name="Same">N of that clock.</param>
    private sealed record Card(ClockFollower? Clock, int Same)
    {
        public TimeQuality Claim { get; set; } = TimeQuality.None;
    }

    /// <summary>Of the stamps that the kernel makes, when the system clock follows.</summary>
    public TimeQuality System { get; private set; } = TimeQuality.None;

    public int Steps => _endedSteps + (_system?.Steps ?? 0) + _cards.Values.Sum(c => c.Clock?.Steps ?? 0);

    /// <summary>The system clock; null: it does not follow.</summary>
    public FollowerSnapshot? SystemSnapshot => _system is null ? null : Describe(_system, System);

    public IReadOnlyList<FollowerSnapshot> Cards => [.. _cards.Values.Where(c => c.Clock is not null).Select(c => Describe(c.Clock!, c.Claim))];

    /// <summary>Of the stamps of a PHC.</summary>
    public TimeQuality Of(int phc, TimeQuality kept) => phc == referencePhc ? kept
        : !_cards.TryGetValue(phc, out Card? card) ? TimeQuality.None
        : card.Clock is not null ? card.Claim
        : Of(card.Same, kept);

    /// <summary>Which PHCs there are beside the kept one that stamp packets of recorded ports. Those that are new begin to follow, those that are gone are let go as they were dialled.</summary>
    /// <param name="phcs">N of /dev/ptpN, with the driver.</param>
    /// <param name="isTrusted">Somebody relies on the kept clock: it is not nudged now.</param>
    public void Take(IReadOnlyDictionary<int, string?> phcs, bool isTrusted)
    {
        if (!options.CardsFollow)
            return;
        foreach (int gone in _cards.Keys.Where(phc => !phcs.ContainsKey(phc)).ToArray())
            Remove(gone);
        foreach ((int phc, string? driver) in phcs)
        {
            if (phc != referencePhc && !_cards.ContainsKey(phc) && _cards.Count < MostCards)
                Try(phc, () => Add(phc, DriverTable.Find(driver).Quirks.HasFlag(DriverQuirks.MayShareClock), isTrusted));
        }
    }

    /// <summary>Looks at all and steers them.</summary>
    public void Follow(TimeQuality kept, UtcForecast? utc)
    {
        if (_system is not null)
            System = Look(_system, kept, utc);
        // Two PHCs both count TAI: whatever UTC does, it does not matter between them.
        UtcForecast? between = reference.CountsUtc ? utc : new UtcForecast(UtcOffset.Since2017);
        foreach (Card card in _cards.Values)
        {
            if (card.Clock is not null)
                card.Claim = Look(card.Clock, kept, between);
        }
    }

    public void Dispose()
    {
        _system?.Dispose();
        foreach (Card card in _cards.Values)
            card.Clock?.Dispose();
    }

    private static FollowerSnapshot Describe(ClockFollower follower, TimeQuality claim) => new(follower.Name, claim.State, follower.OffsetNs, claim.BoundNs == uint.MaxValue ? null : claim.BoundNs);

    private TimeQuality Look(ClockFollower follower, TimeQuality kept, UtcForecast? utc)
    {
        TimeQuality claim = TimeQuality.None;
        Try(-1, () => claim = follower.Follow(kept, utc));
        return claim;
    }

    private void Try(int phc, Action what)
    {
        try
        {
            what();
        }
        catch (IOException e)
        {
            log.Failed(phc < 0 ? e.Message : string.Create(CultureInfo.InvariantCulture, $"/dev/ptp{phc}: does not follow: {e.Message}"));
        }
    }

    private void Add(int phc, bool mayShare, bool isTrusted)
    {
        PhcClock clock = PhcClock.Open(phc);
        try
        {
            int same = mayShare ? FindSame(clock, isTrusted) : -1;
            ClockFollower? follower = same < 0 ? new ClockFollower(new FollowingCard(clock, reference), options.TargetNs) : null;
            _cards.Add(phc, new Card(follower, same));
            log.Note(same < 0 ? $"{clock.Name} follows {reference.Clock.Name}" : string.Create(CultureInfo.InvariantCulture, $"{clock.Name} is the clock of /dev/ptp{same}, and is not steered beside it"));
            if (follower is null)
                clock.Dispose();
        }
        catch
        {
            clock.Dispose();
            throw;
        }
    }

    /// <summary>Two servos on one clock would fight: whether it is one of those there are is tried out by a nudge of some microseconds, before anybody relies on it.</summary>
    /// <returns>N of the clock that it is; -1: one of its own.</returns>
    private int FindSame(PhcClock clock, bool isTrusted)
    {
        if (isTrusted)
            throw new IOException("it may be the kept clock under another number, and finding out would disturb that: it is tried when the clock is made anew");
        if (referencePhc >= 0 && SharedClock.IsOne(clock, reference.Clock))
            return referencePhc;
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
        log.Note(string.Create(CultureInfo.InvariantCulture, $"/dev/ptp{phc} does not follow any more: it stamps no recorded port"));
    }
}

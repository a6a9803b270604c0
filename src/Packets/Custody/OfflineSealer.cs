// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Custody;

/// <summary>What sealing an archive came to.</summary>
/// <param name="Sealed">Segments that got their entry now.</param>
/// <param name="Entries">Entries of the chain.</param>
/// <param name="Head">Hash of the last one.</param>
/// <param name="Key">Id of the key that signs the chain.</param>
/// <param name="TornBytes">Bytes of an unfinished last entry that were cut off.</param>
public sealed record SealReport(string Archive, ulong Sealed, ulong Entries, string Head, string Key, long TornBytes);

/// <summary>What the <see cref="ChainSigner"/> does, at once and for an archive that is not being recorded into.</summary>
internal static class OfflineSealer
{
    /// <summary>Gives every sealed segment without an entry its entry.</summary>
    /// <exception cref="CustodyException">The chain was changed, or it belongs to another key.</exception>
    /// <exception cref="IOException">The disk refuses, or a recorder has this chain open.</exception>
    public static SealReport Seal(string archive, ChainKey key, Action<ChainProgress>? progress, CancellationToken stop)
    {
        Require(archive);
        using ChainFile chain = ChainFile.Open(archive, key);
        List<SegmentName> names = [.. ArchiveListing.Sealed(archive).Where(name => !chain.State.Entered.Contains(name.Sequence))
            .OrderBy(name => name.Sequence)];
        ulong total = names.Aggregate(0ul, (sum, name) => sum + (ulong)new FileInfo(Path.Combine(archive, name.ToString())).Length);
        ulong done = 0, count = 0;
        byte[] buffer = SegmentDigest.NewBuffer();
        foreach (SegmentName name in names)
        {
            // Two files of one number: the second is foreign, and a verification reports it.
            if (chain.State.Entered.Contains(name.Sequence))
                continue;
            (ulong bytes, string digest) = SegmentDigest.Compute(
                Path.Combine(archive, name.ToString()), buffer,
                    got => progress?.Invoke(new ChainProgress(done += (ulong)got, Math.Max(total, done), name.ToString())), stop);
            chain.AddSegment(name, bytes, digest);
            count++;
        }

        return Report(archive, chain, count);
    }

    /// <summary>Gives the chain to another key. The archive must have a chain.</summary>
    /// <exception cref="CustodyException">
    /// The chain was changed, or it belongs to another key than the old one, or there is none.
    /// </exception>
    /// <exception cref="IOException">The disk refuses, or a recorder has this chain open.</exception>
    public static SealReport Rotate(string archive, ChainKey key, ChainKey next)
    {
        Require(archive);
        if (!File.Exists(ChainFile.PathIn(archive)))
            throw new CustodyException($"{ChainFile.PathIn(archive)}: no such file; there is no chain to give to another key");
        if (key.Id == next.Id)
            throw new CustodyException("the new key is the old one");
        using ChainFile chain = ChainFile.Open(archive, key);
        chain.AddKey(next);
        return Report(archive, chain, 0);
    }

    private static void Require(string archive)
    {
        if (!Directory.Exists(archive))
            throw new DirectoryNotFoundException($"{archive}: no such directory");
    }

    private static SealReport Report(string archive, ChainFile chain, ulong count) =>
        new(archive, count, chain.State.Entries, chain.State.Head, chain.State.Key!.Id, chain.TornBytes);
}

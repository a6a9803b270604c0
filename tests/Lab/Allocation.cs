// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Testing;

/// <summary>Measures what a piece of code allocates, while other tests run beside it.</summary>
internal static class Allocation
{
    private const int Attempts = 5;

    /// <summary>
    /// The least of several runs after a first one. A garbage collection that another test causes closes the thread's allocation context and counts
    /// its unused rest; code that allocates does so in every run.
    /// </summary>
    public static long LeastBytes(Func<long> measure)
    {
        measure();
        long least = long.MaxValue;
        for (int i = 0; i < Attempts && least > 0; i++)
            least = Math.Min(least, measure());
        return least;
    }

    /// <summary>The same of an action, on this thread.</summary>
    public static long LeastOfThisThread(Action action) => LeastBytes(() => OfThisThread(action));

    public static long OfThisThread(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    /// <summary>The least growth of the heap over several rounds after a first one: other tests' objects come and go, a leak grows in every round.</summary>
    /// <param name="round">Told which one, from 0.</param>
    /// <param name="rounds">With the first.</param>
    public static long LeastHeapGrowth(int rounds, Action<int> round)
    {
        round(0);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long least = long.MaxValue;
        for (int i = 1; i < rounds; i++)
        {
            round(i);
            long after = GC.GetTotalMemory(forceFullCollection: true);
            (least, before) = (Math.Min(least, after - before), after);
        }

        return least;
    }
}
